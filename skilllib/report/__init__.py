"""What a person looks at: figures, drawings and pages about a run or a library. Nothing here changes anything."""
