"""What the simulated model says: chosen by the words of the prompt, the same for the same prompt."""
