"""Loss functions, unreduced: one value per image. The training loop takes the only average."""
