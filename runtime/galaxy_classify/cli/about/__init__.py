"""What the command does besides classifying: show and check models, and write the standalone one."""
