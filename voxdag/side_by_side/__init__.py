"""Independent stages of the DAG at once: DVC checks and saves one after the other, commands run beside one another."""
