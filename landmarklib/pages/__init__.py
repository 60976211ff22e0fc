"""The pages of the book, and the notebooks behind them."""
