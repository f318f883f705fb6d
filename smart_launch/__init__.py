"""A SMART App Launch 2.2 client: discovery, launch, tokens, id_token and backend services.

It knows no clinical content and imports nothing of the application. Network access goes through an injected
``httpx2.AsyncClient``; time is always an argument.
"""
