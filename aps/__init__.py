"""Planning of a build-to-order car plant: a plain problem in, a plain schedule out."""
