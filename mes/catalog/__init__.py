"""What can be ordered: models, options, rules, and the 150 % bill of material behind them."""
