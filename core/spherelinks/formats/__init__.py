"""Reading meshes from elsewhere, and writing the files of an asset."""
