"""Ray: the connection, resources, pools of actors, and the actors that hold engines and sandboxes."""
