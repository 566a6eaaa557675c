"""The services of the ClearML dialect: each module has its requests, its handlers and its `ENDPOINTS`."""
