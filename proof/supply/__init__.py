"""What Galaxy's packages are: locked, listed with their licences, and asked after among known vulnerabilities."""
