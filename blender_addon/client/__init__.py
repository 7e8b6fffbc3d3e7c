"""The client of a SphereLinks server and its jobs: plain Python, for threads, independent of Blender."""
