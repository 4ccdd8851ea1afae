"""One function per figure; each returns a Figure or an Animation with caption, alt text and numbers."""
