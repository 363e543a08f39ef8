"""How bytes get to a server: a TCP connection, a tunnel through a bastion, a proxy command."""
