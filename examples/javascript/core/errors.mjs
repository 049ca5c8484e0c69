/** The two errors of this example, as the package has them. */

/** An image that cannot be classified: its message is that of an error row. */
export class ImageError extends Error {}

/** A model that cannot be used: nothing can be classified, and a command ends with exit code 3. */
export class ModelError extends Error {}
