// Requests to the server.

/** Why a request failed, as a sentence for the person. `status` is 0 if the server did not answer. */
class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

export const get = (path) => json("GET", path);
export const post = (path, body = {}) => json("POST", path, body);
export const remove = (path) => json("DELETE", path);

/** Post something, and get a file. */
export const postForFile = async (path, body) => (await ask("POST", path, body)).blob();

const json = async (method, path, body) => (await ask(method, path, body)).json().catch(() => null);

async function ask(method, path, body) {
  const request = { method, headers: { accept: "application/json" } };
  if (body instanceof Blob) {
    request.body = body;
  } else if (body !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new ApiError("handspun does not answer. Is it still running?", 0);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  throw new ApiError(answer?.error ?? `handspun answered with an error (${response.status}).`, response.status);
}
