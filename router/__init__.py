"""The router: requests in, decisions made, replicas asked, answers passed on."""
