use qpyt_inference::*;
struct O; impl Observer for O { fn step(&self,_:StepReport<'_>){} fn note(&self,_:&str){} fn cancelled(&self)->bool{false} }
fn main(){
 let m=scan_models(&["models/emoji".into()]).models.remove(0);
 let e=Engine::new(EngineOptions{memory_budget:1<<30,threads:None}).unwrap();
 let r=|p:&str|ImageRequest{prompt:p.into(),negative:"".into(),width:64,height:64,steps:25,guidance:3.0,sampler:None,schedule:None,seed:7,clip_skip:0};
 let save=|p:&Picture,n:&str|{let mut b=format!("P6 {} {} 255\n",p.width,p.height).into_bytes();b.extend(&p.rgb);std::fs::write(format!("/tmp/{n}.ppm"),b).unwrap();};
 let s=e.text_to_image(&m,&r("sunflower"),&O).unwrap(); save(&s,"src");
 for st in [0.04f32,0.2,0.4,0.6,0.8,1.0]{ let o=e.image_to_image(&m,&r("rocket"),&s,st,&O).unwrap(); save(&o,&format!("o{st}"));
  println!("{st} {}", o.rgb.iter().zip(&s.rgb).map(|(a,b)|a.abs_diff(*b) as u64).sum::<u64>()/12288); }
 let t=std::time::Instant::now(); for i in 0..3 { let q=ImageRequest{seed:i,..r("dog face")}; e.text_to_image(&m,&q,&O).unwrap(); } println!("t2i {:?}",t.elapsed()/3);
 let t=std::time::Instant::now(); let q=ImageRequest{width:512,height:512,steps:2,..r("dog face")}; e.text_to_image(&m,&q,&O).unwrap();  println!("512 2 steps {:?}",t.elapsed());
 let t=std::time::Instant::now(); let q=ImageRequest{width:512,height:512,steps:6,..r("dog face")}; e.text_to_image(&m,&q,&O).unwrap();  println!("512 6 steps {:?}",t.elapsed());
}
