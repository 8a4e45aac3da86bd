"""The words: frozen records that flow through everything."""
