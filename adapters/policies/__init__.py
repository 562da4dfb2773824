"""Driving: carries out what policies ask for. One process of all leads; each request is made once,
whatever is killed when; what is refused or fails is listed."""
