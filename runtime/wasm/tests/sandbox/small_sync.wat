;; The smallest function of the sync world: sleeps for 5 ms, settles what it got, and gives it back.
(component
  (import "veltrix:function/flow-sync@1.0.0" (instance $flow
    (export "settle" (func (param "outcome" (list u8))))
    (export "sleep" (func (param "ms" u64)))))
  (core module $libc
    (memory (export "memory") 17)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $libc (instantiate $libc))
  (core func $settle (canon lower (func $flow "settle") (memory (core memory $libc "memory"))))
  (core func $sleep (canon lower (func $flow "sleep")))
  (core module $echo
    (import "" "memory" (memory 0))
    (import "" "settle" (func $settle (param i32 i32)))
    (import "" "sleep" (func $sleep (param i64)))
    (func (export "handle") (param i32 i32) (result i32)
      (call $sleep (i64.const 5))
      (call $settle (local.get 0) (local.get 1))
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16)))
  (core instance $echo (instantiate $echo (with "" (instance
    (export "memory" (memory $libc "memory"))
    (export "settle" (func $settle))
    (export "sleep" (func $sleep))))))
  (type $handle (func (param "batch" (list u8)) (result (list u8))))
  (func $handle (type $handle)
    (canon lift (core func $echo "handle")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "veltrix:function/handler-sync@1.0.0" (instance $handler)))
