"""Reviews: what workspaces that run an extension live think of it."""
