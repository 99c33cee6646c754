"""The compiled simulator: arrivals over a fleet in virtual time, decided by the policies that route live requests."""
