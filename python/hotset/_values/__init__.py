"""What the default codec knows of classes: which it may rebuild, and what their objects are made of."""
