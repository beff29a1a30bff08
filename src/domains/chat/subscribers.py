"""What chat listens to: nothing yet. It publishes its turns and asks knowledge for passages."""
