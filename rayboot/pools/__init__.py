"""Ray: the connection, resources, actor pools, and the actors that hold engines and sandboxes."""
