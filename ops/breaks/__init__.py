"""The sources of `rentmatch exceptions`, and how breaks are shown."""
