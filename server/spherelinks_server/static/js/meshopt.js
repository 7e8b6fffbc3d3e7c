// model-viewer uses the meshopt decoder it has inside once it has loaded the address of one. This is that address.
