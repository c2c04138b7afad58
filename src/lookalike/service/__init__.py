"""The service: a collection behind HTTP, for programs and for the page. Needs the extra `service`."""
