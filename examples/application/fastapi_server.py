"""An application's server in FastAPI: who is logged in gets a token for a call.

pip install fastapi uvicorn
PARLEY_APPLICATION_KEY=... APPLICATION_PORT=8000 python fastapi_server.py
"""

import os
from typing import Annotated

import uvicorn
from accounts import log_in, user_of
from calls import session_for
from fastapi import Cookie, Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel
from tokens import token_for

app = FastAPI()


class Credentials(BaseModel):
    name: str
    password: str


@app.post("/login")
async def login(credentials: Credentials, response: Response):
    cookie = log_in(credentials.name, credentials.password)
    if cookie is None:
        raise HTTPException(403)
    response.set_cookie("login", cookie, httponly=True, samesite="strict")


def current_user(login: Annotated[str | None, Cookie()] = None):
    user = user_of(login)
    if user is None:
        raise HTTPException(401)
    return user


@app.post("/token")
async def token(user: Annotated[str, Depends(current_user)], response: Response):
    response.headers["Cache-Control"] = "no-store"
    return {"token": await token_for(user, session_for(user))}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("APPLICATION_PORT", "8000")))
