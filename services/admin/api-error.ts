// What the admin API refuses, each with its HTTP status and a code that scripts can rely on.

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const badRequest = (message: string): ApiError => new ApiError(400, 'bad-request', message);
export const unauthorized = (): ApiError => new ApiError(401, 'unauthorized', 'a bearer token is needed: Authorization: Bearer TOKEN');
export const wrongScope = (): ApiError =>
  new ApiError(403, 'forbidden', 'reading content needs the content token (data_dir/admin-content-token), and it is good for nothing else');
export const notFound = (what: string): ApiError => new ApiError(404, 'not-found', what);
export const misdirected = (): ApiError =>
  new ApiError(421, 'misdirected', 'the Host header does not name this server: use its address, localhost, its host name, or add the name to admin.names');
export const unavailable = (why: string): ApiError => new ApiError(503, 'unavailable', why);
