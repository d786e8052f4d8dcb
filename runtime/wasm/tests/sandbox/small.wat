;; The smallest function: gives back what it gets.
(component
  (core module $libc
    (memory (export "memory") 17)
    ;; One call at a time, one buffer at a time: everything goes to the same place.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $libc (instantiate $libc))
  (core func $return (canon task.return (result (list u8)) (memory (core memory $libc "memory"))))
  (core module $echo
    (import "" "return" (func $return (param i32 i32)))
    (func (export "handle") (param i32 i32) (result i32)
      (call $return (local.get 0) (local.get 1))
      (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
  (core instance $echo (instantiate $echo (with "" (instance (export "return" (func $return))))))
  (type $handle (func async (param "batch" (list u8)) (result (list u8))))
  (func $handle (type $handle)
    (canon lift (core func $echo "handle") async (callback (core func $echo "callback"))
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "veltrix:function/handler@1.0.0" (instance $handler)))
