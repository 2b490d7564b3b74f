"""Speech: any browser's bytes to text (audio, transcribe, worker), and text to what is read aloud (speak)."""
