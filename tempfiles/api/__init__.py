"""What users call: create, register, ask and compare files and trees."""
