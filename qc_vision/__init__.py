"""Visual inspection: an image in, a verdict out.

``runtime`` judges images (numpy, onnxruntime, OpenCV), ``training`` makes model packages (torch),
``synth`` renders parts with and without defects (numpy, OpenCV), ``packages`` holds the models
that ship with the project. The library knows no plant and no database.
"""
