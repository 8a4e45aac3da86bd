"""Skills into weights: text and examples → LoRA adapters. Needs the extra `weights`; nothing of it is imported before its use."""
