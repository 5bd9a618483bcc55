"""The gateway's web server: sign-in, the console's files, GraphQL, exports and the pages of monitoring."""
