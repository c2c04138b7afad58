"""A client of the service, with the methods of a collection. Needs the extra `client`."""

from lookalike.client.answers import UrlQuery
from lookalike.client.client import Client

__all__ = ["Client", "UrlQuery"]
