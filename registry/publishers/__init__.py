"""Publishers (docs/publishing.md): who claims a name, how it is proven, and who may publish under it."""
