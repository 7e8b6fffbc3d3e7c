"""Past jobs of this server."""

classes = ()
