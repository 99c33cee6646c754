"""One request on two replicas: prompt computed on one, answer decoded on another."""
