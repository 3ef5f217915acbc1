// Arrays as they travel in JSON: {"shape", "dtype": "uint8" | "float32", "data": base64, little-endian}.

/** {shape, values} of an array in JSON. */
export function decode({ shape, dtype, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return { shape, values: dtype === "uint8" ? bytes : new Float32Array(bytes.buffer) };
}

/** Bytes as base64. */
export function base64(bytes) {
  let text = "";
  const chunk = 0x8000; // every engine accepts this many arguments
  for (let i = 0; i < bytes.length; i += chunk) text += String.fromCharCode(...bytes.subarray(i, i + chunk));
  return btoa(text);
}
