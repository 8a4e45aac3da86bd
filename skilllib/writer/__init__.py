"""Writers turn a task, skills and what happened so far into the next program."""
