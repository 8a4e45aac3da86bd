"""The worlds that are shipped, one folder each. They see only `skilllib.errors`, `skilllib.records` and `skilllib.protocols`.

skilllib never imports them: it finds a world, shipped or anybody's, by the entry-point group `skilllib.environments`.
"""
