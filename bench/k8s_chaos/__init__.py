"""Leader killed, API cut off, etcd restarted, watches expired: who is lost from routing, what is scaled twice."""
