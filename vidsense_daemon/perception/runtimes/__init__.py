"""What computes the picture side of an encoder: PyTorch, OpenVINO, a graphics card; measured, checked, chosen."""
