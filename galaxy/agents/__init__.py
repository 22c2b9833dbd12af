"""Pages of agents. They stand in the shell, since they show what every floor knows of one."""
