/** `T`, but each property that may be undefined is optional, and is not undefined when it is present. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/**
 * The object without its properties that are undefined. `exactOptionalPropertyTypes` demands that an optional property is absent and not
 * undefined. Inherited properties are left out; properties with the value null are kept.
 */
export function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>
}
