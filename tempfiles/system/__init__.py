"""The operating system: audit hook, system calls, platform, /proc."""
