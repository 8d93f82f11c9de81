"""The functions that users call: create, register, list, and compare files and trees."""
