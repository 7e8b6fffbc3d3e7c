"""What speaks to a SphereLinks server and keeps its jobs: plain Python, for threads; nothing here knows Blender."""
