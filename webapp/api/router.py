"""The one router: two routes may share an address, one to read and one to write."""

from ninja import Router

router = Router()
