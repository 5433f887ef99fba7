"""What everything else stands on: parameters, files and tables, the command line, random streams, the machine."""
